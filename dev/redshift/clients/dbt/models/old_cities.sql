{{ config(materialized='table', dist='id', sort=['id']) }}
select id, name from {{ ref('cities') }} where founded < 1000
